(method_declaration name: (identifier) @name body: (_) @body) @function
(constructor_declaration name: (identifier) @name body: (_) @body) @function
(destructor_declaration name: (identifier) @name body: (_) @body) @function
(local_function_statement name: (identifier) @name body: (_) @body) @function
(class_declaration name: (identifier) @name body: (_) @body) @class
(record_declaration name: (identifier) @name) @class
(struct_declaration name: (identifier) @name body: (_) @body) @struct
(interface_declaration name: (identifier) @name body: (_) @body) @interface
(enum_declaration name: (identifier) @name body: (_) @body) @enum
(namespace_declaration name: (_) @name body: (_) @body) @namespace
(using_directive) @import
(comment) @comment
