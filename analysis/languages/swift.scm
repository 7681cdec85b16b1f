(function_declaration name: (_) @name body: (_) @body) @function
(init_declaration name: "init" @name body: (_) @body) @function
(deinit_declaration "deinit" @name body: (_) @body) @function
(class_declaration "class" name: (_) @name body: (_) @body) @class
(class_declaration "actor" name: (_) @name body: (_) @body) @class
(class_declaration "struct" name: (_) @name body: (_) @body) @struct
(class_declaration "enum" name: (_) @name body: (_) @body) @enum
(class_declaration "extension" name: (_) @name body: (_) @body) @namespace
(protocol_declaration name: (_) @name body: (_) @body) @interface
(import_declaration) @import
[(comment) (multiline_comment)] @comment
