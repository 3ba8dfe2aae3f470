#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# flood.pl PORT ADDRESSES EACH: so many connections from so many addresses (127.0.1.1, ...) to 127.0.0.1, each of which says nothing.
# Those that are closed are opened again. Prints "full" when each was opened once; ends with its standard input.
use strict;
use warnings;
use Socket;
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Errno qw(EINPROGRESS EAGAIN);
my ($port, $addresses, $each) = @ARGV;
my $to = pack_sockaddr_in($port, inet_aton('127.0.0.1'));
my @open;
sub quiet { my $h = shift; fcntl($h, F_SETFL, fcntl($h, F_GETFL, 0) | O_NONBLOCK) or die "fcntl: $!" }
sub connection {
    my $i = shift;
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    bind($s, pack_sockaddr_in(0, inet_aton('127.0.1.' . (1 + $i % $addresses)))) or die "bind: $!";
    quiet($s);
    connect($s, $to) or $! == EINPROGRESS or die "connect: $!";
    return $s;
}
$| = 1;
quiet(\*STDIN);
for my $i (0 .. $addresses * $each - 1) { $open[$i] = connection($i); select(undef, undef, undef, 0.005) if $i % 64 == 0 }
print "full\n";
while (1) {
    my $got = sysread(STDIN, my $line, 1);
    last if defined $got && $got == 0;
    for my $i (0 .. $#open) {
        my $n = sysread($open[$i], my $byte, 1);
        $open[$i] = connection($i) if defined $n ? $n == 0 : $! != EAGAIN;
    }
    select(undef, undef, undef, 0.05);
}
