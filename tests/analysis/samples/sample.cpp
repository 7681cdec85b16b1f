#include <vector>

namespace outer {

/// A stack.
template <typename T>
class Stack {
 public:
  Stack() = default;
  ~Stack() {}
  // Puts one on.
  void push(const T& item) { items.push_back(item); }
  T& top();
 private:
  std::vector<T> items;
};

struct Point { int x; };
enum class Colour { Red };

}  // namespace outer

template <typename T>
T& outer::Stack<T>::top() { return items.back(); }

int main() { auto f = [](int x) { return x; }; return f(0); }
