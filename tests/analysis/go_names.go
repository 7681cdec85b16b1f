// Prints what Go's own type checker says of the names of packages, and its parser of their functions. Places are bytes.
// Call: go run go_names.go FOLDER…
package main

import (
	"encoding/json"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
)

type function struct {
	Name  string
	First int
	Last  int
}

type file struct {
	Names     map[int]int // where a name stands → where the file declares what it means; -1 where it does not
	Functions []function
}

func main() {
	files := token.NewFileSet()
	load := importer.ForCompiler(files, "source", nil)
	said := map[string]*file{}
	for _, folder := range os.Args[1:] {
		found, err := build.ImportDir(folder, 0)
		if err != nil {
			panic(err)
		}
		var trees []*ast.File
		for _, name := range found.GoFiles {
			tree, err := parser.ParseFile(files, filepath.Join(folder, name), nil, 0)
			if err != nil {
				panic(err)
			}
			trees = append(trees, tree)
		}
		info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
		config := types.Config{Importer: load, Error: func(error) {}}
		config.Check(found.ImportPath, files, trees, info)
		for _, tree := range trees {
			one := &file{Names: map[int]int{}}
			said[files.Position(tree.Pos()).Filename] = one
			describe(one, files, tree, info)
		}
	}
	json.NewEncoder(os.Stdout).Encode(said)
}

func describe(one *file, files *token.FileSet, tree *ast.File, info *types.Info) {
	here := files.File(tree.Pos())
	for _, declaration := range tree.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Body != nil {
			one.Functions = append(one.Functions, function{f.Name.Name, here.Line(f.Pos()), here.Line(f.End() - 1)})
		}
	}
	selected := map[*ast.Ident]bool{} // right of a dot
	ast.Inspect(tree, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			selected[selector.Sel] = true
		}
		return true
	})
	ast.Inspect(tree, func(node ast.Node) bool {
		name, ok := node.(*ast.Ident)
		if !ok || selected[name] || name.Name == "_" || name == tree.Name {
			return true
		}
		meant := info.Uses[name]
		if meant == nil {
			defined, ok := info.Defs[name]
			if ok && defined == nil { // of a type switch: declared in each of its clauses
				one.Names[here.Offset(name.Pos())] = here.Offset(name.Pos())
			}
			meant = defined
		}
		if meant == nil { // of a package that is not there
			return true
		}
		if f, ok := meant.(*types.Func); ok && (f.Name() == "init" || f.Type().(*types.Signature).Recv() != nil) {
			return true
		}
		if variable, ok := meant.(*types.Var); ok && variable.IsField() {
			return true
		}
		place := -1
		if meant.Pos().IsValid() && files.File(meant.Pos()) == here {
			place = here.Offset(meant.Pos())
		}
		one.Names[here.Offset(name.Pos())] = place
		return true
	})
}
