(function_definition name: (name) @name body: (compound_statement) @body) @function
(method_declaration name: (name) @name body: (compound_statement) @body) @function
(class_declaration name: (name) @name body: (_) @body) @class
(interface_declaration name: (name) @name body: (_) @body) @interface
(trait_declaration name: (name) @name body: (_) @body) @trait
(enum_declaration name: (name) @name body: (_) @body) @enum
(namespace_definition name: (_) @name body: (_) @body) @namespace
[
  (namespace_use_declaration)
  (expression_statement [(include_expression) (include_once_expression) (require_expression) (require_once_expression)])
] @import
(comment) @comment
