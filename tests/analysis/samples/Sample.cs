using System;
using System.Collections.Generic;

namespace A.B
{
    /// <summary>A stack.</summary>
    [Serializable]
    public class Stack<T> : IShape
    {
        // Makes one.
        public Stack() { }
        public int Size => 1;
        public void Push(T item)
        {
            int Inner() { return 1; }
        }
        public int Area() => 2;
    }

    interface IShape { int Area(); }
    struct Point { }
    enum Colour { Red }
    record Pair(int A, int B);
}
