import java.io.BufferedInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.ArchiveEntry;
import org.apache.commons.compress.archivers.ArchiveStreamFactory;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarFile;
import org.apache.commons.compress.compressors.CompressorStreamFactory;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;

/** Reads an archive with libraries of Java: `Read WAY ARCHIVE`; see ../README.md. */
final class Read {
    private static final OutputStream OUT = System.out;

    public static void main(String[] arguments) {
        int code = 0;
        try {
            read(arguments[0], arguments[1]);
        } catch (Exception error) {
            System.err.println(error);
            code = 1;
        }
        System.out.flush();
        System.exit(code);
    }

    private static void read(String way, String archive) throws Exception {
        InputStream in = new BufferedInputStream(new FileInputStream(archive));
        switch (way) {
            case "commons-gzip" -> copy(new GzipCompressorInputStream(in));
            case "commons-gzip-concatenated" -> copy(new GzipCompressorInputStream(in, true));
            case "commons-factory" -> copy(new CompressorStreamFactory().createCompressorInputStream(in));
            case "commons-tar" -> commons(new TarArchiveInputStream(unzipped(in, archive)));
            case "commons-archive-factory" -> commonsFactory(new BufferedInputStream(unzipped(in, archive)));
            case "commons-tarfile" -> commonsFile(archive);
            case "zstd-jni" -> copy(new com.github.luben.zstd.ZstdInputStream(in));
            case "aircompressor" -> copy(new io.airlift.compress.zstd.ZstdInputStream(in));
            case "okio" -> copy(okio.Okio.buffer(new okio.GzipSource(okio.Okio.source(in))).inputStream());
            case "jtar" -> jtar(new org.kamranzafar.jtar.TarInputStream(new BufferedInputStream(unzipped(in, archive))));
            case "ant" -> ant(new org.apache.tools.tar.TarInputStream(unzipped(in, archive), "UTF-8"));
            default -> throw new IllegalArgumentException(way);
        }
    }

    private static InputStream unzipped(InputStream in, String archive) throws IOException {
        return archive.endsWith(".gz") ? new GZIPInputStream(in) : in;
    }

    private static void commons(TarArchiveInputStream tar) throws Exception {
        for (TarArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
            if (entry.isFile()) {
                line(entry.getName(), entry.getSize(), instant(entry), tar);
            }
        }
    }

    private static void commonsFactory(InputStream in) throws Exception {
        var tar = new ArchiveStreamFactory().createArchiveInputStream(in);
        for (ArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
            if (!entry.isDirectory()) {
                line(entry.getName(), entry.getSize(), instant((TarArchiveEntry) entry), tar);
            }
        }
    }

    private static void commonsFile(String archive) throws Exception {
        try (TarFile tar = new TarFile(Path.of(archive))) {
            for (TarArchiveEntry entry : tar.getEntries()) {
                if (entry.isFile()) {
                    line(entry.getName(), entry.getSize(), instant(entry), tar.getInputStream(entry));
                }
            }
        }
    }

    private static String instant(TarArchiveEntry entry) {
        var time = entry.getLastModifiedTime().toInstant();
        return new java.math.BigDecimal(time.getEpochSecond())
            .add(java.math.BigDecimal.valueOf(time.getNano(), 9)).toPlainString();
    }

    private static void jtar(org.kamranzafar.jtar.TarInputStream tar) throws Exception {
        for (org.kamranzafar.jtar.TarEntry entry; (entry = tar.getNextEntry()) != null; ) {
            if (!entry.isDirectory()) {
                line(entry.getName(), entry.getSize(), Long.toString(entry.getModTime().getTime() / 1000), tar);
            }
        }
    }

    private static void ant(org.apache.tools.tar.TarInputStream tar) throws Exception {
        for (org.apache.tools.tar.TarEntry entry; (entry = tar.getNextEntry()) != null; ) {
            if (!entry.isDirectory()) {
                line(entry.getName(), entry.getSize(), Long.toString(Math.floorDiv(entry.getModTime().getTime(), 1000L)), tar);
            }
        }
    }

    private static void copy(InputStream in) throws IOException {
        in.transferTo(OUT);
    }

    private static void line(String name, long size, String mtime, InputStream content) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        byte[] block = new byte[1 << 16];
        for (int length; (length = content.read(block)) > 0; ) {
            digest.update(block, 0, length);
        }
        StringBuilder shown = new StringBuilder();
        for (byte letter : name.getBytes(StandardCharsets.UTF_8)) {
            boolean plain = letter >= 0x21 && letter <= 0x7e && letter != '%';
            shown.append(plain ? String.valueOf((char) letter) : String.format("%%%02X", letter));
        }
        String text = HexFormat.of().formatHex(digest.digest()) + " " + size + " " + mtime + " " + shown + "\n";
        OUT.write(text.getBytes(StandardCharsets.US_ASCII));
    }
}
