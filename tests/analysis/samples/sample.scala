package a.b

import scala.math._
import java.util.{List, Map}

/** A stack. */
class Stack[T](items: List[T]) extends Shape {
  // Puts one on.
  def push(item: T): Unit = {
    def inner() = 1
  }
}

trait Shape { def area: Double }

object Stack {
  def build[T]() = 1
}
