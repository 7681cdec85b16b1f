import d, * as ns from "x"; import {a as b, type c} from "y"; import type {T} from "z"; import q = require("r"); import z = A.B;
export {u as v, w}; export * from "k"; 
var {p, q: [r = 1, ...s], ...t} = o;
[x.y, {z: w = 3}] = e; for (k of l) ; for (const [m] of n) {}
class A<T> extends B<T> implements C.D { static { let i; var j; } #p = 1; [comp]() { return this.#p } constructor(private a: X, b?: Y) {super()}  h() {return 1; arguments } @dec() prop!: Z; [k: string]: any }
abstract class AB { abstract f<K extends keyof T>(this: A, x: K): x is string; abstract g(): void; }
function f({a, b = c}, [d], e = 5, ...g) { lab: for(;;) { break lab; } }
type M<T> = { [K in keyof T as `x${K}`]: T[K] } & (T extends infer U ? U : never); 
type N2<T> = T extends (a: infer A2) => infer R2 ? [A2, R2] : A2;
interface I<T> extends J<T>, C.DD { m(a: T): void; new (x: string): I<T>; readonly p: typeof q.r; (z: string): typeof z }
enum E { A = 1, B = A, "C" } namespace N { export const x = 1; x } declare module "foo" { let y: number } declare global { var gg: string }
const fn = async <T,>(x: T) => x; const g1 = y => y; let t1 = <Foo.Bar a={b} {...c}/>; const s1 = x as Foo; y satisfies Z; x!; <></>;
function over(a: string): void; function over(a: any) {} declare function amb(x: number): asserts x is string; let { [comp2]: cc } = o; ({a, b: c, [d]: e, f() {}} ); type F = (a: A1, ...r: R1[]) => new (x: X2) => Y2;
interface Merged { a: Merged } const Merged = 1; function usesIt() { const T = 1; let v: T; let w: Merged = Merged; }
namespace Merged2 { export type Q = string } function Merged2(): Merged2.Q {} 
switch (x) { case 1: let sw = 1; function inSwitch() {} } (x as any) = 3; x! += 1;
const o2 = { get a() { return arguments }, async *gen() {}, "s": 1, 1: 2 };
export default Merged;
type G = typeof fn<string>; declare const amb2: unique symbol; abstract class Q3 { declare x: string; accessor y = 1; static async *[Symbol.iterator]() {} }
let tpl = `a ${b} ${(() => d)()}`; tag`x ${e}`; new.target; import.meta; let un: undefined; function g8(undefined) { return undefined }
