package a.b;

import java.util.List;
import static java.lang.Math.*;

/**
 * A stack.
 */
@Deprecated
public class Stack<T> implements Shape {
    /** Makes one. */
    public Stack() { this.size = 0; }

    // Puts one on.
    @Override
    public void push(T item) {
        Runnable run = new Runnable() { public void run() { } };
    }

    abstract int missing();

    enum Colour { RED; int code() { return 1; } }
    record Point(int x, int y) { Point { } }
}

interface Shape { default int area() { return 1; } }
