require "json"
require_relative "local"

module Outer
  # A stack.
  # It grows.
  class Stack < Array
    def push(item)
      super
    end

    # Makes one.
    def self.build
      new
    end

    def empty?
      true
    end
  end
end

def top_level(x) = x * 2
