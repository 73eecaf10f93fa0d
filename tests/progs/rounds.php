<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// Waits for a file, then does the same things four times over, and prints how often
class Octet
{
	private $n;
	private static $count = [];

	static function tell($what) { self::$count[$what] = (self::$count[$what] ?? 0) + 1; }
	function __construct($n) { Octet::tell("Octet::__construct"); $this->n = $n; }
	function twice() { Octet::tell("Octet::twice"); return $this->n * 2; }
	function nested($k) { Octet::tell("Octet::nested"); return $k == 0 ? 0 : 1 + $this->nested($k - 1); }
	static function counts() { return self::$count; }
}

function plain($x) { Octet::tell("plain"); return $x + 1; }

echo "ready\n";
while (!file_exists($argv[1])) {
	clearstatcache();
	usleep(20000);
}
$thrown = 0;
for ($round = 0; $round < 4; $round++) {
	for ($i = 0; $i < 50; $i++)
		plain((new Octet($i))->twice());
	(new Octet(1))->nested(9);
	try {
		$thrown++;
		throw new RuntimeException("x");
	} catch (RuntimeException $e) {
	}
	usleep(100000);
}
foreach (Octet::counts() as $name => $n)
	echo "$name $n\n";
echo "thrown $thrown\ndone\n";
sleep(1000);
