// Prints what the Java compiler says of the names and methods of files of `java.base`, in UTF-16 units.
// Call: java --add-exports jdk.compiler/com.sun.tools.javac.{code,tree,util}=ALL-UNNAMED JavaNames.java FOLDER FILE…
import com.sun.source.tree.*;
import com.sun.source.util.*;
import com.sun.tools.javac.code.Symbol;
import com.sun.tools.javac.tree.JCTree;
import java.nio.file.*;
import java.util.*;
import java.util.regex.*;
import javax.tools.*;

public class JavaNames {
    static final Set<String> NO_NAMES = Set.of("this", "super", "<error>");

    public static void main(String[] arguments) throws Exception {
        var compiler = ToolProvider.getSystemJavaCompiler();
        var files = compiler.getStandardFileManager(null, null, null);
        var paths = Arrays.asList(arguments).subList(1, arguments.length);
        var options = List.of("-proc:none", "-nowarn", "--patch-module", "java.base=" + arguments[0]);
        var task = (JavacTask) compiler.getTask(
            null, files, found -> {}, options, null, files.getJavaFileObjectsFromStrings(paths));
        var trees = new ArrayList<CompilationUnitTree>();
        task.parse().forEach(trees::add);
        task.analyze();
        var said = new StringJoiner(",", "{", "}");
        for (var tree : trees) {
            var source = tree.getSourceFile().getCharContent(true).toString();
            var one = new Said(tree, source, Trees.instance(task).getSourcePositions());
            one.scan(tree, null);
            one.new Used().scan(tree, null);
            said.add(quoted(Path.of(tree.getSourceFile().toUri()).toString()) + ":" + one.json());
        }
        System.out.println(said);
    }

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    /** What a file declares: a key for each, and the keys by place. */
    static class Said extends TreeScanner<Void, Void> {
        final Map<Integer, String> names = new TreeMap<>();
        final Map<Symbol, String> keys = new IdentityHashMap<>();
        final Set<String> methods = new HashSet<>();
        final TreeMap<Long, String> functions = new TreeMap<>();
        final CompilationUnitTree tree;
        final String source;
        final SourcePositions positions;

        Said(CompilationUnitTree tree, String source, SourcePositions positions) {
            this.tree = tree;
            this.source = source;
            this.positions = positions;
        }

        boolean stands(int place, CharSequence name) {
            return place >= 0 && name.length() > 0 && source.startsWith(name.toString(), place);
        }

        void declare(Symbol symbol, int place, CharSequence name, String key) {
            if (symbol != null && stands(place, name)) {
                keys.put(symbol, key);
                names.putIfAbsent(place, key);
            }
        }

        String methodKey(Symbol method) {
            return "m" + keys.getOrDefault(method.owner, "?" + System.identityHashCode(method.owner)) + " " + method.name;
        }

        @Override public Void visitClass(ClassTree node, Void none) {
            var name = node.getSimpleName().toString();
            var found = Pattern.compile("(?:class|interface|enum|record)\\s+(" + Pattern.quote(name) + ")\\b").matcher(source);
            if (!name.isEmpty() && found.find((int) positions.getStartPosition(tree, node)))
                declare(((JCTree.JCClassDecl) node).sym, found.start(1), name, "c" + found.start(1));
            return super.visitClass(node, none);
        }

        @Override public Void visitVariable(VariableTree node, Void none) {
            var place = ((JCTree.JCVariableDecl) node).pos;
            declare(((JCTree.JCVariableDecl) node).sym, place, node.getName(), "v" + place);
            return super.visitVariable(node, none);
        }

        @Override public Void visitTypeParameter(TypeParameterTree node, Void none) {
            var one = (JCTree.JCTypeParameter) node;
            declare(one.type == null ? null : one.type.tsym, one.pos, node.getName(), "t" + one.pos);
            return super.visitTypeParameter(node, none);
        }

        @Override public Void visitMethod(MethodTree node, Void none) {
            var method = (JCTree.JCMethodDecl) node;
            var constructor = node.getName().contentEquals("<init>");
            var name = constructor && method.sym != null ? method.sym.owner.name.toString() : node.getName().toString();
            var end = method.pos + name.length();
            if (!stands(method.pos, name)) return super.visitMethod(node, none);
            if (!constructor && source.substring(end).stripLeading().startsWith("(")) {
                methods.add(methodKey(method.sym));
                names.putIfAbsent(method.pos, methodKey(method.sym));
            }
            var start = positions.getStartPosition(tree, node);
            var last = positions.getEndPosition(tree, node) - 1;
            if (node.getBody() != null && last > start && source.startsWith("}", (int) last))
                functions.put(start, quoted(name) + "," + line(start) + "," + line(last));
            return super.visitMethod(node, none);
        }

        long line(long place) {
            return tree.getLineMap().getLineNumber(place);
        }

        String json() {
            var places = new StringJoiner(",", "{", "}");
            names.forEach((place, key) -> places.add(quoted("" + place) + ":" + quoted(key)));
            var extents = new StringJoiner(",", "[", "]");
            functions.values().forEach(one -> extents.add("[" + one + "]"));
            return "{\"names\":" + places + ",\"functions\":" + extents + "}";
        }

        /** What names mean: a key, "" for what the file does not declare, "?" where only a type could tell. */
        class Used extends TreePathScanner<Void, Void> {
            @Override public Void visitImport(ImportTree node, Void none) {
                return null;
            }

            @Override public Void visitPackage(PackageTree node, Void none) {
                return scan(node.getAnnotations(), none);
            }

            @Override public Void visitAnnotation(AnnotationTree node, Void none) {
                scan(node.getAnnotationType(), none);
                for (var one : node.getArguments()) scan(one instanceof AssignmentTree a ? a.getExpression() : one, none);
                return null;
            }

            @Override public Void visitNewClass(NewClassTree node, Void none) {
                if (node.getEnclosingExpression() == null) return super.visitNewClass(node, none);
                scan(node.getEnclosingExpression(), none); // the class is a member of that: no name
                scan(node.getTypeArguments(), none);
                scan(node.getArguments(), none);
                return scan(node.getClassBody() == null ? null : node.getClassBody().getMembers(), none);
            }

            @Override public Void visitIdentifier(IdentifierTree node, Void none) {
                var one = (JCTree.JCIdent) node;
                var name = node.getName();
                if (NO_NAMES.contains(name.toString()) || !stands(one.pos, name)) return null;
                var above = getCurrentPath().getParentPath().getLeaf().getKind().name();
                var key = "";
                if (one.sym instanceof Symbol.MethodSymbol) {
                    key = methods.contains(methodKey(one.sym)) ? methodKey(one.sym) : "";
                } else if (one.sym != null) {
                    key = keys.getOrDefault(one.sym, "");
                }
                if (above.contains("CASE") && one.sym != null && (one.sym.flags() & 0x4000) != 0) key = "?"; // of an enum
                names.putIfAbsent(one.pos, key);
                return null;
            }
        }
    }
}
