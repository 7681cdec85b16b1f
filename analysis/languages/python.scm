(function_definition name: (identifier) @name body: (block) @body) @function
(class_definition name: (identifier) @name body: (block) @body) @class
[(import_statement) (import_from_statement) (future_import_statement)] @import
(comment) @comment
