// SPDX-License-Identifier: GPL-2.0-or-later

// Does a known number of things of each kind in rounds, says "done", and waits to be ended. Waits first for the file that its
// argument names. For tests/run/stat.test and its like.
public class Rounds {
	static final class Octet {
	}

	static Octet last;
	static double[] numbers;

	static int twice(int n) {
		return 2 * n;
	}

	public static void main(String[] args) throws Exception {
		// what is loaded and made the first time only
		new IllegalStateException("warm").fillInStackTrace();
		Thread first = new Thread(() -> { }, "first");
		first.start();
		first.join();
		System.out.println("ready");
		while (!new java.io.File(args[0]).exists())
			Thread.sleep(20);
		for (int i = 0; i < 4; i++) {
			for (int k = 0; k < 100; k++)
				twice(k);
			for (int k = 0; k < 10; k++)
				last = new Octet();
			for (int k = 0; k < 5; k++)
				numbers = new double[125];
			for (int k = 0; k < 7; k++)
				try {
					throw new IllegalStateException("on purpose");
				} catch (IllegalStateException e) {
					twice(1);
				}
			Thread t = new Thread(() -> { }, "octi-" + i);
			t.start();
			t.join();
			System.gc();
			Thread.sleep(300);
		}
		System.out.println("done");
		while (true)
			Thread.sleep(100000);
	}
}
