// Prints the statements of files that ESLint's code path analysis finds unreachable, in UTF-16 units.
// Call: node eslint_reach.mjs FOLDER_OF_PACKAGES FILE…
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [folder, ...files] = process.argv.slice(2);
const { Linter } = createRequire(path.join(path.resolve(folder), "package.json"))("eslint");
const linter = new Linter();
const STATEMENTS = [
  "ExpressionStatement", "ReturnStatement", "VariableDeclaration", "ThrowStatement", "BreakStatement", "ContinueStatement",
];

function unreachable(file) {
  const found = [];
  const create = () => {
    const around = [];
    let here = new Set();
    const enter = (segment) => here.add(segment);
    const leave = (segment) => here.delete(segment);
    const look = (node) => {
      if (![...here].some((segment) => segment.reachable)) found.push(node.range[0]);
    };
    return {
      onCodePathStart: () => { around.push(here); here = new Set(); },
      onCodePathEnd: () => { here = around.pop(); },
      onCodePathSegmentStart: enter,
      onCodePathSegmentEnd: leave,
      onUnreachableCodePathSegmentStart: enter,
      onUnreachableCodePathSegmentEnd: leave,
      ...Object.fromEntries(STATEMENTS.map((kind) => [kind, look])),
    };
  };
  const messages = linter.verify(fs.readFileSync(file, "utf8"), [{
    plugins: { hone: { rules: { reach: { create } } } },
    rules: { "hone/reach": 2 },
    languageOptions: { sourceType: "commonjs" },
    linterOptions: { noInlineConfig: true },
  }], { filename: "a.js" });
  const broken = messages.find((message) => message.fatal);
  if (broken) throw new Error(`${file}: ${broken.message}`);
  return found;
}
process.stdout.write(JSON.stringify(files.map(unreachable)));
