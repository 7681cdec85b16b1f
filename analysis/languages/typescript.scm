(public_field_definition
  name: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (statement_block) @body)] @function)
(abstract_class_declaration name: (_) @name body: (class_body) @body) @class
(interface_declaration name: (_) @name body: (_) @body) @interface
(enum_declaration name: (_) @name body: (_) @body) @enum
(internal_module name: (_) @name body: (_) @body) @namespace
(module name: (_) @name body: (_) @body) @namespace
[(import_statement) (import_alias)] @import
