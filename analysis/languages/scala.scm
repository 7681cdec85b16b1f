(function_definition name: (_) @name body: (_) @body) @function
(class_definition name: (_) @name) @class
(object_definition name: (_) @name) @object
(trait_definition name: (_) @name) @trait
(enum_definition name: (_) @name) @enum
(import_declaration) @import
[(comment) (block_comment)] @comment
