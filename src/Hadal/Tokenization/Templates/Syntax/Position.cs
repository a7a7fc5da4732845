namespace Hadal.Tokenization.Templates.Syntax;

/// <summary>A place in a template, counted from 1, in UTF-16 units.</summary>
internal readonly record struct Position(int Line, int Column);
