import Foundation

/// A stack.
/// It grows.
public struct Stack<T> {
    var items: [T] = []

    // Puts one on.
    mutating func push(_ item: T) {
        func inner() -> Int { return 1 }
        items.append(item)
    }

    init() {}
}

protocol Shape { func area() -> Double }

class Square: Shape {
    func area() -> Double { return 1 }
    deinit { }
}

extension Square { func twice() -> Double { return 2 } }

enum Colour { case red }
