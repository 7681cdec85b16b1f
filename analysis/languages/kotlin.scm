(function_declaration (simple_identifier) @name (function_body) @body) @function
(class_declaration "interface" (type_identifier) @name) @interface
(class_declaration "class" (type_identifier) @name) @class
(object_declaration (type_identifier) @name) @object
(import_header) @import
[(line_comment) (multiline_comment)] @comment
