(function_declaration name: (identifier) @name body: (statement_block) @body) @function
(generator_function_declaration name: (identifier) @name body: (statement_block) @body) @function
(variable_declarator
  name: (identifier) @name
  value: [
    (arrow_function body: (_) @body)
    (function_expression body: (statement_block) @body)
    (generator_function body: (statement_block) @body)
  ] @function)
(pair
  key: (property_identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (statement_block) @body)] @function)
(method_definition name: (_) @name body: (statement_block) @body) @function
(public_field_definition
  name: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (statement_block) @body)] @function)
(class_declaration name: (_) @name body: (class_body) @body) @class
(abstract_class_declaration name: (_) @name body: (class_body) @body) @class
(variable_declarator name: (identifier) @name value: (class body: (class_body) @body) @class)
(interface_declaration name: (_) @name body: (_) @body) @interface
(enum_declaration name: (_) @name body: (_) @body) @enum
(internal_module name: (_) @name body: (_) @body) @namespace
(module name: (_) @name body: (_) @body) @namespace
[(import_statement) (import_alias)] @import
(comment) @comment
