<?php
namespace App\Models;

use App\Base;
require_once 'local.php';

/**
 * A stack.
 */
#[Attribute]
final class Stack extends Base implements Shape {
    /** Makes one. */
    public function __construct(private array $items = []) {}

    public static function build(): self { return new self(); }
}

interface Shape { public function area(): float; }
trait Named { function name() { return ''; } }
enum Colour { case Red; }

// Twice.
function twice($x) { return $x * 2; }
