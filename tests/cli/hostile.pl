#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# hostile.pl DIR: archives that no tar program writes, one file each, for the tests of image import.
use strict;
use warnings;
my $dir = shift or die "usage: hostile.pl DIR\n";
my $zeros = "\0" x 1024;

sub put { my ($name, $data) = @_; open my $f, '>', "$dir/$name" or die "$dir/$name: $!"; binmode $f; print $f $data; close $f or die }
sub pad { my $d = shift; $d . "\0" x (-length($d) % 512) }
# A ustar header: name, type, then size link mode uid major minor rawsize.
sub head {
    my ($name, $type, %o) = @_;
    my $size = defined $o{rawsize} ? $o{rawsize} : sprintf("%011o\0", $o{size} // 0);
    my $h = pack('a100a8a8a8a12a12a8aa100a6a2a32a32a8a8a155a12', $name, sprintf("%07o\0", $o{mode} // 0644), $o{rawuid} // "0000000\0", "0000000\0",
        $size, "00000000000\0", ' ' x 8, $type, $o{link} // '', "ustar\0", '00', '', '', sprintf("%07o\0", $o{major} // 0),
        sprintf("%07o\0", $o{minor} // 0), '', '');
    substr($h, 148, 8) = sprintf("%06o\0 ", unpack('%32C*', $h));
    $h;
}
sub file { my ($name, $data, %o) = @_; head($name, '0', size => length $data, %o) . pad($data) }
sub record { my ($k, $v) = @_; my $n = length("$k=$v") + 2; my $l = $n; $l = $n + length $l while $l != $n + length $l; "$l $k=$v\n" }
sub pax { my $d = join '', @_; head('PaxHeaders/x', 'x', size => length $d) . pad($d) }
sub tar { my ($name, @parts) = @_; put("$name.tar", join('', @parts) . $zeros) }

my $x = file('harmless', "x\n");
tar('dotdot', $x, file('../x', "evil\n"));
tar('dotdot-inside', $x, file('a/b/../../../x', "evil\n"));
tar('dotdot-end', $x, head('a/..', '5', mode => 0755));
tar('dotdot-pax', $x, pax(record('path', '../../../../tmp/orthrus-evil')), file('y', "evil\n"));
tar('absolute', $x, file('/etc/evil', "evil\n"));
tar('absolute-pax', $x, pax(record('path', '/etc/evil')), file('y', "evil\n"));
tar('symlink-parent', head('a', '2', link => '/tmp'), file('a/evil', "evil\n"));
tar('symlink-parent-deep', head('a', '2', link => '..'), file('a/b/c/evil', "evil\n"));
tar('file-parent', $x, file('harmless/evil', "evil\n"));
tar('fifo-parent', head('p', '6'), file('p/evil', "evil\n"));
tar('dir-to-symlink', head('d/', '5', mode => 0755), head('d', '2', link => '/tmp'), file('d/evil', "evil\n"));
tar('made-dir-to-symlink', file('d/f', "x\n"), head('d', '2', link => '/tmp'));
tar('file-to-symlink', file('f', "x\n"), head('f', '2', link => '/etc/passwd'), file('f', "evil\n"));
tar('symlink-to-file', head('f', '2', link => '/etc/passwd'), file('f', "evil\n"));
tar('file-to-dir', file('f', "x\n"), head('f/', '5'));
tar('root-to-file', $x, file('.', "evil\n"));
tar('hardlink-dotdot', $x, head('h', '1', link => '../../etc/passwd'));
tar('hardlink-absolute', $x, head('h', '1', link => '/etc/passwd'));
tar('hardlink-missing', $x, head('h', '1', link => 'nosuch'));
tar('hardlink-later', head('h', '1', link => 'harmless'), $x);
tar('hardlink-symlink-parent', $x, head('s', '2', link => '/etc'), head('h', '1', link => 's/passwd'));
tar('hardlink-dir', head('d/', '5', mode => 0755), head('h', '1', link => 'd'));
tar('hardlink-over-dir', $x, head('d/', '5', mode => 0755), head('d', '1', link => 'harmless'));
tar('hardlink-pax', $x, pax(record('linkpath', '../../../etc/passwd')), head('h', '1', link => 'harmless'));
tar('hardlink-data', head('s', '2', link => '/tmp/evil'), pax(record('size', 5)), head('h', '1', link => 's', size => 5), pad("evil\n"));
tar('chardev', $x, head('dev', '3', major => 1, minor => 5));
tar('blockdev', $x, head('dev', '4', major => 8));
tar('name-256', $x, pax(record('path', 'n' x 256)), file('y', "x"));
tar('path-4096', $x, pax(record('path', join('/', ('n' x 200) x 25))), file('y', "x"));
tar('target-long', $x, pax(record('linkpath', 't' x 5000)), head('s', '2', link => 'x'));
tar('target-empty', $x, head('s', '2'));
tar('size-negative', $x, head('f', '0', rawsize => "\xff" x 11 . "\xfe"));
tar('size-huge', $x, head('f', '0', rawsize => "\x80\0\0\0\x7f" . "\xff" x 7));
tar('size-more', $x, head('f', '0', rawsize => "\x80" . "\xff" x 11));
tar('size-pax-negative', $x, pax(record('size', -5)), head('f', '0'));
tar('size-pax-more', $x, pax(record('size', '99999999999999999999999')), head('f', '0'));
tar('size-declared', $x, head('f', '0', rawsize => "\x80\0\0\0\0\0\x01\0\0\0\0\0"));
tar('pax-huge', $x, head('PaxHeaders/x', 'x', rawsize => "77777777777\0"), "12 path=x\n");
tar('pax-length', $x, head('PaxHeaders/x', 'x', size => 32), pad('99999999999999999999 path=../x' . "\n"));
tar('longname-huge', $x, head('././@LongLink', 'L', rawsize => "77777777777\0"), pad('x' x 600));
tar('sparse-huge', $x, pax(record('GNU.sparse.major', 1), record('GNU.sparse.minor', 0), record('GNU.sparse.name', 'f'),
    record('GNU.sparse.realsize', '9223372036854775807')), head('GNUSparseFile.0/f', '0', size => 512 + 1), pad("1\n0\n1\n"), pad('x'));
tar('sparse-outside', $x, pax(record('GNU.sparse.major', 1), record('GNU.sparse.minor', 0), record('GNU.sparse.name', 'f'),
    record('GNU.sparse.realsize', '10')), head('GNUSparseFile.0/f', '0', size => 512 + 1), pad("1\n4611686018427387904\n1\n"), pad('x'));
tar('sparse-order', $x, pax(record('GNU.sparse.major', 0), record('GNU.sparse.minor', 1), record('GNU.sparse.map', '100,1,0,1'),
    record('GNU.sparse.realsize', '200'), record('GNU.sparse.size', '200')), file('f', 'xy'));
tar('sparse-name', $x, pax(record('GNU.sparse.major', 1), record('GNU.sparse.minor', 0), record('GNU.sparse.name', '../../evil'),
    record('GNU.sparse.realsize', '1')), head('GNUSparseFile.0/f', '0', size => 512 + 1), pad("1\n0\n1\n"), pad('x'));
tar('owner-huge', $x, pax(record('uid', '18446744073709551616')), file('f', 'x'));
tar('owner-minus-one', $x, pax(record('uid', '4294967295')), file('f', 'x'));
tar('xattr-huge', $x, pax(record('SCHILY.xattr.user.a', 'v' x 70000)), file('f', 'x'));
tar('time-huge', $x, pax(record('mtime', '9223372036854775807')), file('f', 'x'));
put('cut-between.tar', $x . file('f', 'x' x 600));
put('cut-inside.tar', substr($x . file('f', 'x' x 6000), 0, 3000));
put('checksum.tar', do { my $h = $x; substr($h, 0, 1) = 'H'; $h . $zeros });
put('nothing.tar', $zeros x 10);
put('empty.tar', '');
put('text.tar', "this is no archive\n" x 100);

# cpio, newc: ino mode uid gid nlink mtime size devmajor devminor rdevmajor rdevminor namesize check.
my $ino = 1;
sub newc {
    my ($name, $mode, $data, %o) = @_;
    my $h = '070701' . join('', map { sprintf '%08x', $_ } ($o{ino} // $ino++, $mode, 0, 0, $o{nlink} // 1, 0, $o{size} // length $data, 0, 0,
        $o{major} // 0, $o{minor} // 0, length($name) + 1, 0)) . "$name\0";
    $h .= "\0" x (-length($h) % 4);
    $h . $data . "\0" x (-length($data) % 4);
}
sub cpio { my ($name, @parts) = @_; my $d = join('', @parts) . newc('TRAILER!!!', 0, ''); put("$name.cpio", $d . "\0" x (-length($d) % 512)) }
my $c = newc('harmless', 0100644, "x\n");
cpio('dotdot', $c, newc('../x', 0100644, "evil\n"));
cpio('absolute', $c, newc('/etc/evil', 0100644, "evil\n"));
cpio('symlink-parent', newc('a', 0120777, '/tmp'), newc('a/evil', 0100644, "evil\n"));
cpio('chardev', $c, newc('dev', 020644, '', major => 1, minor => 5));
cpio('kind', $c, newc('odd', 0170644, ''));
cpio('hardlink-symlink-data', newc('s', 0120777, '/tmp/evil', ino => 77, nlink => 2), newc('h', 0100644, "evil\n", ino => 77, nlink => 2));
cpio('size-more', $c, newc('f', 0100644, 'x', size => 0xffffffff));
put('name-length.cpio', $c . substr(newc('n', 0100644, ''), 0, 94) . 'dddddddd' . '0' x 8 . 'x' x 1000);
put('cut.cpio', $c . newc('f', 0100644, 'x' x 100));
# Allowed, and what comes of them is looked at.
tar('ok-twice', file('f', "first\n"), file('f', "second\n"), head('d/', '5', mode => 0700), head('d/', '5', mode => 0711));
tar('ok-forms', file('./a//b/./c', "c\n"), head('./', '5', mode => 0750));
tar('ok-nul', pax(record('path', "name\0../../evil")), file('y', "x\n"));
tar('ok-xattrs', pax(record('SCHILY.xattr.user.kept', 'v'), record('SCHILY.xattr.odd.name', 'v'), record('SCHILY.xattr.security.capability', 'short')),
    file('f', "x\n"), pax(record('SCHILY.xattr.user.on-a-link', 'v'), record('SCHILY.xattr.trusted.kept', 'v')), head('s', '2', link => 'f'));
tar('ok-setuid', file('f', "x\n", mode => 04755));
tar('ok-outside-link', head('s', '2', link => '../../../../etc/passwd'));
