// SPDX-License-Identifier: GPL-2.0-or-later

// Methods that print when they are entered and left, exceptions included; "ready" first, then it waits for the file that is named.
// The truth of tests/run/flow.test.
public class Flow {
	private static int depth;

	private static void say(String arrow, String name, int at) {
		System.out.println("  ".repeat(at) + arrow + " " + name);
	}

	static int count(int n) {
		say("->", "count", depth++);
		try {
			return n == 0 ? 0 : 1 + count(n - 1);
		} finally {
			say("<-", "count", --depth);
		}
	}

	static void fails(int n) {
		say("->", "fails", depth++);
		try {
			if (n == 0)
				throw new IllegalStateException("on purpose");
			fails(n - 1);
		} finally {
			say("<-", "fails", --depth);
		}
	}

	static void naps() throws InterruptedException {
		say("->", "naps", depth++);
		Thread.sleep(30);
		say("<-", "naps", --depth);
	}

	static int work(int n) throws InterruptedException {
		say("->", "work", depth++);
		try {
			fails(n);
		} catch (IllegalStateException e) {
			naps();
		}
		int sum = count(n);
		say("<-", "work", --depth);
		return sum;
	}

	public static void main(String[] args) throws Exception {
		System.out.println("ready");
		while (!new java.io.File(args[0]).exists())
			Thread.sleep(20);
		for (int i = 1; i < 3; i++)
			work(i);
	}
}
