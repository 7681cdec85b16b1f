package a.b

import java.util.*
import kotlin.math.PI

/**
 * A stack.
 */
class Stack<T> : Shape {
    // Puts one on.
    fun push(item: T) {
        fun inner() = 1
    }

    companion object {
        fun build() = Stack<Int>()
    }
}

interface Shape { fun area(): Double }
object Single { fun only() = PI }

fun String.twice() = this + this
