// Prints what `eslint-scope`, or for TypeScript its counterpart, says of files: variables with their places, in UTF-16 units.
// Call: node eslint_scopes.mjs FOLDER_OF_PACKAGES commonjs|module|typescript FILE…
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [folder, kind, ...files] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(folder), "package.json"));

function analyzed(file) {
  const text = fs.readFileSync(file, "utf8");
  const jsx = !file.endsWith(".ts");
  if (kind === "typescript") {
    const { ast } = load("@typescript-eslint/parser").parseForESLint(text, {
      range: true, sourceType: "module", ecmaFeatures: { jsx },
    });
    return load("@typescript-eslint/scope-manager").analyze(ast, { sourceType: "module", lib: [] });
  }
  const ast = load("espree").parse(text, { range: true, ecmaVersion: "latest", sourceType: kind, ecmaFeatures: { jsx } });
  return load("eslint-scope").analyze(ast, { ecmaVersion: 2024, sourceType: kind, ignoreEval: true, jsx });
}

const said = files.map((file) => {
  const manager = analyzed(file);
  return {
    variables: manager.scopes.flatMap((scope) => scope.variables).map((variable) => ({
      name: variable.name,
      scope_end: variable.scope.block.type === "Program" ? null : variable.scope.block.range[1],
      definitions: variable.identifiers.map((one) => one.range[0]),
      references: variable.references.map((one) => one.identifier.range[0]),
    })),
    unresolved: manager.globalScope.through.map((one) => one.identifier.range[0]),
  };
});
process.stdout.write(JSON.stringify(said));
