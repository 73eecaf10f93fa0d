// SPDX-License-Identifier: GPL-2.0-or-later
// Server under soak: answers GET /?n=N with f(N); exceptions, threads that wait for each other, reflection, garbage.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.InflaterInputStream;

public class Server {
    static int deep(int n) {
        return n == 0 ? 0 : deep(n - 1) + 1;
    }

    static int risky(int n) {
        if (n % 7 == 0)
            throw new IllegalStateException("seven");
        return n * 2;
    }

    static int safe(int n) {
        try {
            return (Integer) Server.class.getDeclaredMethod("risky", int.class).invoke(null, n);
        } catch (ReflectiveOperationException e) {
            StackTraceElement[] frames = e.getCause().getStackTrace();
            return frames[0].getMethodName().equals("risky") ? -1 : -2;
        }
    }

    // a thread of its own, and garbage for the collector
    static int total(int n) throws InterruptedException {
        Map<Integer, List<String>> seen = new HashMap<>();
        Object lock = new Object();
        boolean[] isDone = new boolean[1];
        Thread t = new Thread(() -> {
            for (int i = 0; i < n; i++)
                seen.computeIfAbsent(i % 3, k -> new ArrayList<>()).add(("w" + i).intern() + new String(new char[500]));
            synchronized (lock) {
                isDone[0] = true;
                lock.notifyAll();
            }
        });
        t.start();
        synchronized (lock) {
            while (!isDone[0])
                lock.wait();
        }
        t.join();
        int sum = 0;
        for (List<String> words : seen.values())
            sum += words.size();
        return sum;
    }

    // there and back through libzip
    static byte[] packed(byte[] text) throws IOException {
        ByteArrayOutputStream small = new ByteArrayOutputStream();
        try (DeflaterOutputStream d = new DeflaterOutputStream(small)) {
            d.write(text);
        }
        return new InflaterInputStream(new ByteArrayInputStream(small.toByteArray())).readAllBytes();
    }

    static void answer(HttpExchange x) throws IOException {
        int n = Integer.parseInt(x.getRequestURI().getQuery().substring(2));
        String text;
        try {
            text = deep(n % 300) + " " + safe(n) + " " + total(n % 20) + "\n";
        } catch (Throwable e) {
            text = e + "\n";
        }
        byte[] body = packed(text.getBytes(StandardCharsets.UTF_8));
        x.sendResponseHeaders(200, body.length);
        x.getResponseBody().write(body);
        x.close();
    }

    public static void main(String[] args) throws IOException {
        HttpServer s = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0])), 0);
        s.createContext("/", Server::answer);
        s.setExecutor(Executors.newFixedThreadPool(4));
        s.start();
    }
}
