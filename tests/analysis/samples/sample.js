import { join } from "path";

/**
 * Adds two numbers.
 * @param {number} a
 */
export function add(a, b) {
  return a + b;
}

// Twice as much.
export const twice = (x) => x * 2;

export class Queue extends Array {
  // Takes the first.
  take() {
    const inner = function () { return 1; };
    return inner();
  }
  #hidden = () => 1;
}

const table = {
  go() { return 1; },
  stop: function () { return 0; },
};
