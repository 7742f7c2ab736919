# Reads an archive with Perl: `read.pl WAY ARCHIVE`; see ../README.md.

use strict;
use warnings;

use Archive::Tar;
use Compress::Zlib ();
use Digest::SHA qw(sha256_hex);
use IO::Uncompress::Gunzip qw($GunzipError);

binmode STDOUT;

sub line {
    my ($entry) = @_;
    return unless $entry->is_file;
    my $content = $entry->get_content // '';
    ( my $shown = $entry->full_path ) =~ s/([^!-\$&-~])/sprintf '%%%02X', ord $1/ge;
    print sha256_hex($content), ' ', $entry->size, ' ', $entry->mtime, " $shown\n";
}

sub slurp {
    my ($archive) = @_;
    open my $file, '<:raw', $archive or die "$archive: $!";
    local $/;
    return <$file>;
}

my %ways = (
    'archive-tar' => sub {
        my $tar = Archive::Tar->new( $_[0] ) or die Archive::Tar->error . "\n";
        line($_) for $tar->get_files;
    },
    'archive-tar-iter' => sub {
        my $next = Archive::Tar->iter( $_[0] ) or die Archive::Tar->error . "\n";
        while ( my $entry = $next->() ) { line($entry) }
    },
    'gunzip' => sub {
        my $in = IO::Uncompress::Gunzip->new( $_[0] ) or die "$GunzipError\n";
        my $status;
        while ( ( $status = $in->read( my $block, 1 << 20 ) ) > 0 ) { print $block }
        die "$GunzipError\n" if $status < 0;
    },
    'mem-gunzip' => sub {
        my $archive = slurp( $_[0] );
        print Compress::Zlib::memGunzip($archive) // die "$Compress::Zlib::gzerrno\n";
    },
);

my ( $way, $argument ) = @ARGV;
if ( $way eq 'version' ) {
    no strict 'refs';
    print $argument->VERSION, "\n";
}
else {
    $ways{$way}->($argument);
}
