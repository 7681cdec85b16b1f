package sample

import (
	"fmt"
	"os"
)

// Stack is a stack.
// It grows.
type Stack[T any] struct {
	items []T
}

type Shape interface {
	Area() float64
}

// Push puts one on.
func (s *Stack[T]) Push(item T) {
	go func() { fmt.Println(item) }()
}

func main() {
	os.Exit(0)
}
