my %h;
for my $i (1..200) {
	$h{$i} = join(",", map { sprintf("%x", $_) } 1 .. $i % 9);
	$_ = $h{$i};
	s/(\w)/<$1>/g;
}
my @sorted = sort { $a <=> $b } keys %h;
eval { die "left by longjmp" };
print scalar(@sorted), "\n";
