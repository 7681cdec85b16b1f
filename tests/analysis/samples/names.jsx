import A, {C} from "x";
const e = <A.B><C x={y}>z</C><div></div></A.B>; function F() { return <F/> }
function f(a = b, b2 = () => a) { var b = 1; return a + b } 
{ function g() {} } g(); with2: for (var i in {}) { continue with2 }
class K extends K { static x = K; [K]() {} } 
(class L extends L {});
var {[q]: r = s} = t; for (var [x1] of x1) ; for (let z of z) { let z = 1 }
const ar = () => arguments; function h() { return () => arguments }
try { let zz } catch { zz } switch (1) { case 2: let sw; default: sw }
export { e as E }; export * as ns2 from "m"; export { nope } from "m"; export default class extends A {}
(a1) = 1; [a2.b, ...a3] = {}; ({ a4, a5: a6, a7 = a8 } = {}); a9++; 
label: { break label } async function* ag() { for await (const q of w) yield q } var await1 = async (x) => await x;
(function rec(n, ...m) { var rec2 = rec; let n2 = n; { var m } })
var fu = function inner() { var inner = 1; return inner };
