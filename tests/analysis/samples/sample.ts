import type { A } from "./a";

/** A shape. */
export interface Shape {
  area(): number;
}

export enum Colour { Red, Green }

namespace Inner {
  export abstract class Base<T> implements Shape {
    /** How large. */
    area(): number { return 1; }
    abstract name(): string;
    private size = (x: T): number => 1;
  }
}

export async function load<T>(url: string): Promise<T> {
  return fetch(url) as any;
}
