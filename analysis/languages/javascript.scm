(field_definition
  property: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (statement_block) @body)] @function)
(import_statement) @import
