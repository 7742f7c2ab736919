# Reads an archive with Ruby: `read.rb WAY ARCHIVE`; see ../README.md.

require 'digest'
require 'rubygems/package'
require 'zlib'

$stdout.binmode

def line(name, size, mtime, content)
  shown = name.b.gsub(/[^!-$&-~]/n) { |byte| format('%%%02X', byte.ord) }
  puts "#{Digest::SHA256.hexdigest(content)} #{size} #{mtime} #{shown}"
end

def unzipped(archive, &block)
  return File.open(archive, 'rb', &block) unless archive.end_with?('.gz')

  Zlib::GzipReader.open(archive, &block)
end

def gem_tar(archive)
  unzipped(archive) do |stream|
    Gem::Package::TarReader.new(stream).each do |entry|
      line(entry.full_name, entry.header.size, entry.header.mtime, entry.read || '') if entry.file?
    end
  end
end

def minitar(archive)
  require 'archive/tar/minitar'
  unzipped(archive) do |stream|
    Archive::Tar::Minitar::Reader.open(stream) do |reader|
      reader.each_entry { |entry| line(entry.full_name, entry.size, entry.mtime, entry.read || '') if entry.file? }
    end
  end
end

WAYS = {
  'gzip-reader' => ->(archive) { Zlib::GzipReader.open(archive) { |stream| IO.copy_stream(stream, $stdout) } },
  'gunzip' => ->(archive) { $stdout.write(Zlib.gunzip(File.binread(archive))) },
  'inflate' => ->(archive) { $stdout.write(Zlib::Inflate.new(31).inflate(File.binread(archive))) },
  'tar-reader' => method(:gem_tar),
  'minitar' => method(:minitar),
}.freeze

begin
  WAYS.fetch(ARGV[0]).call(ARGV[1])
rescue StandardError => e
  abort "#{e.class}: #{e.message}"
end
