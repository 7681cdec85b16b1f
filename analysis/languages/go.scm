(function_declaration name: (identifier) @name body: (block) @body) @function
(method_declaration name: (field_identifier) @name body: (block) @body) @function
(type_spec name: (type_identifier) @name type: (struct_type (_) @body)) @struct
(type_spec name: (type_identifier) @name type: (interface_type) @body) @interface
(import_declaration) @import
(comment) @comment
