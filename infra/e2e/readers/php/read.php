<?php
// Reads an archive with PHP: `read.php WAY ARCHIVE`; see ../README.md.

declare(strict_types=1);

function phar_data(string $archive): void
{
    (new PharData($archive))->extractTo(getenv('DIR'));
}

function archive_tar(string $archive): void
{
    require_once 'Archive/Tar.php';
    $tar = new Archive_Tar($archive);
    $tar->setErrorHandling(PEAR_ERROR_PRINT, "%s\n");
    if (!$tar->extract(getenv('DIR'))) {
        fwrite(STDERR, $tar->error_object?->getMessage() . "\n");
        exit(1);
    }
}

function gzopen_stream(string $archive): void
{
    $in = gzopen($archive, 'rb');
    while (!gzeof($in)) {
        $block = gzread($in, 1 << 20);
        if ($block === false) {
            exit(1);
        }
        echo $block;
    }
}

function inflate(string $archive): void
{
    $context = inflate_init(ZLIB_ENCODING_GZIP);
    echo inflate_add($context, file_get_contents($archive), ZLIB_FINISH);
}

function decode(string $archive): void
{
    $stream = gzdecode(file_get_contents($archive));
    if ($stream === false) {
        exit(1);
    }
    echo $stream;
}

ini_set('memory_limit', '1G');
[, $way, $archive] = $argv;
try {
    read($way, $archive);
} catch (Throwable $error) {
    fwrite(STDERR, get_class($error) . ': ' . $error->getMessage() . "\n");
    exit(1);
}

function read(string $way, string $archive): void
{
    match ($way) {
        'phar-data' => phar_data($archive),
        'archive-tar' => archive_tar($archive),
        'gzopen' => gzopen_stream($archive),
        'gzdecode' => decode($archive),
        'inflate' => inflate($archive),
    };
}
