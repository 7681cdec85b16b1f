(function_item name: (_) @name body: (block) @body) @function
(struct_item name: (type_identifier) @name) @struct
(union_item name: (type_identifier) @name body: (_) @body) @struct
(enum_item name: (type_identifier) @name body: (_) @body) @enum
(trait_item name: (type_identifier) @name body: (_) @body) @trait
(impl_item type: (_) @name body: (_) @body) @namespace
(mod_item name: (identifier) @name body: (_) @body) @namespace
[(use_declaration) (extern_crate_declaration)] @import
[(line_comment) (block_comment)] @comment
