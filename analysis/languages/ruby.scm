(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(class name: (_) @name) @class
(module name: (_) @name) @namespace
(call !receiver method: (identifier) @_method (#any-of? @_method "require" "require_relative" "load" "autoload")) @import
(comment) @comment
