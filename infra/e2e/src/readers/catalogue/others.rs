//! Ruby, Perl and PHP, as Debian has them.

use crate::readers::format::{GZ, TAR_GZ};
use crate::readers::reader::{Gives, NO_TIMES, Need, OCTAL_TIMES, Reader};

const RUBY: &[Need] = &[Need::Program("ruby", "ruby")];
const PERL: &[Need] = &[Need::Program("perl", "perl")];
const PHP: &[Need] = &[Need::Program("php", "php-cli")];
const MINITAR: &[Need] = &[
    RUBY[0],
    Need::File(
        "/usr/lib/ruby/vendor_ruby/archive/tar/minitar.rb",
        "ruby-minitar",
    ),
];
const ARCHIVE_TAR: &[Need] = &[
    PHP[0],
    Need::File("/usr/share/php/Archive/Tar.php", "php-pear"),
];

macro_rules! way {
    ($name:literal, $needs:expr, $version:literal, $formats:expr, $gives:expr, $command:literal) => {
        Reader::new($name, $formats, $gives, concat!($command, r#" "$ARCHIVE""#))
            .of($needs, $version)
    };
}

pub(super) const READERS: &[Reader] = &[
    way!(
        "Ruby Zlib::GzipReader",
        RUBY,
        "ruby -v",
        GZ,
        Gives::Tar,
        r#"ruby "$SCRIPTS/ruby/read.rb" gzip-reader"#
    ),
    way!(
        "Ruby Zlib.gunzip",
        RUBY,
        "ruby -v",
        GZ,
        Gives::Tar,
        r#"ruby "$SCRIPTS/ruby/read.rb" gunzip"#
    ),
    way!(
        "Ruby Zlib::Inflate",
        RUBY,
        "ruby -v",
        GZ,
        Gives::Tar,
        r#"ruby "$SCRIPTS/ruby/read.rb" inflate"#
    ),
    way!(
        "Ruby Gem::Package::TarReader",
        RUBY,
        "gem --version",
        TAR_GZ,
        Gives::Lines,
        r#"ruby "$SCRIPTS/ruby/read.rb" tar-reader"#
    )
    .refuses("is not an octal string"),
    way!(
        "Ruby minitar",
        MINITAR,
        "dpkg-query -Wf '${Version}' ruby-minitar",
        TAR_GZ,
        Gives::Lines,
        r#"ruby "$SCRIPTS/ruby/read.rb" minitar"#
    )
    .wrong_times(OCTAL_TIMES),
    way!(
        "Perl Archive::Tar",
        PERL,
        r#"perl "$SCRIPTS/perl/read.pl" version Archive::Tar"#,
        TAR_GZ,
        Gives::Lines,
        r#"perl "$SCRIPTS/perl/read.pl" archive-tar"#
    )
    .wrong_times(OCTAL_TIMES)
    .quick(),
    way!(
        "Perl Archive::Tar->iter",
        PERL,
        r#"perl "$SCRIPTS/perl/read.pl" version Archive::Tar"#,
        TAR_GZ,
        Gives::Lines,
        r#"perl "$SCRIPTS/perl/read.pl" archive-tar-iter"#
    )
    .wrong_times(OCTAL_TIMES),
    way!(
        "Perl IO::Uncompress::Gunzip",
        PERL,
        r#"perl "$SCRIPTS/perl/read.pl" version IO::Uncompress::Gunzip"#,
        GZ,
        Gives::Tar,
        r#"perl "$SCRIPTS/perl/read.pl" gunzip"#
    )
    .quick(),
    way!(
        "Perl Compress::Zlib::memGunzip",
        PERL,
        r#"perl "$SCRIPTS/perl/read.pl" version Compress::Zlib"#,
        GZ,
        Gives::Tar,
        r#"perl "$SCRIPTS/perl/read.pl" mem-gunzip"#
    ),
    way!(
        "PHP PharData",
        PHP,
        "php -v",
        TAR_GZ,
        Gives::Files,
        r#"php "$SCRIPTS/php/read.php" phar-data"#
    )
    .wrong_times(NO_TIMES),
    way!(
        "PHP Archive_Tar",
        ARCHIVE_TAR,
        "dpkg-query -Wf '${Version}' php-pear",
        TAR_GZ,
        Gives::Files,
        r#"php "$SCRIPTS/php/read.php" archive-tar"#
    )
    .wrong_times(OCTAL_TIMES),
    way!(
        "PHP gzopen",
        PHP,
        "php -v",
        GZ,
        Gives::Tar,
        r#"php "$SCRIPTS/php/read.php" gzopen"#
    ),
    way!(
        "PHP gzdecode",
        PHP,
        "php -v",
        GZ,
        Gives::Tar,
        r#"php "$SCRIPTS/php/read.php" gzdecode"#
    ),
    way!(
        "PHP inflate_add",
        PHP,
        "php -v",
        GZ,
        Gives::Tar,
        r#"php "$SCRIPTS/php/read.php" inflate"#
    ),
];
