import java.io.FileInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.zip.GZIPInputStream;

/**
 * Java's own gzip reader: `Gunzip file ARCHIVE` or `Gunzip socket ARCHIVE`; see ../README.md. It stands alone, so that it runs from its
 * source.
 */
final class Gunzip {
    /** As a socket on which nothing more has arrived yet, wherever the reader asks. */
    private static final class Late extends FilterInputStream {
        Late(InputStream in) {
            super(in);
        }

        @Override
        public int available() {
            return 0;
        }
    }

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "version" -> System.out.println(Runtime.version());
            case "file" -> copy(new FileInputStream(arguments[1]));
            case "socket" -> socket(arguments[1]);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void socket(String archive) throws Exception {
        try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Thread sender = new Thread(() -> send(listener, archive));
            sender.start();
            try (Socket socket = new Socket(listener.getInetAddress(), listener.getLocalPort())) {
                copy(new Late(socket.getInputStream()));
            }
            sender.join();
        }
    }

    private static void send(ServerSocket listener, String archive) {
        try (Socket socket = listener.accept(); InputStream file = new FileInputStream(archive)) {
            file.transferTo(socket.getOutputStream());
        } catch (IOException gone) {
            // The reader has ended early, and says so itself.
        }
    }

    private static void copy(InputStream compressed) throws IOException {
        try (InputStream in = new GZIPInputStream(compressed)) {
            in.transferTo(System.out);
        } finally {
            System.out.flush();
        }
    }
}
