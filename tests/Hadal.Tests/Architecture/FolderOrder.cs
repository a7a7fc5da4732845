namespace Hadal.Tests.Architecture;

/// <summary>The rule that a folder uses only itself and those above it in a list. A folder is the part of a namespace after the root.</summary>
internal sealed class FolderOrder(string root, params string[] folders)
{
    /// <summary>The folder of a type; null for one outside of the root.</summary>
    public string? Folder(Type type) => type.Namespace is { } space && space.StartsWith(root + ".", StringComparison.Ordinal)
        ? space[(root.Length + 1)..].Split('.')[0]
        : null;

    /// <summary>A sentence for every use that goes down the list, and for every type in a folder that the list doesn't have.</summary>
    public IEnumerable<string> Violations(IEnumerable<Type> types)
    {
        foreach (Type type in types)
        {
            if (Folder(type) is not { } folder) continue;
            int height = Array.IndexOf(folders, folder);
            if (height < 0) yield return $"{type.FullName} is in {folder}, which has no place in the order";
            foreach ((string place, Type used) in TypeUses.Of(type).Distinct())
            {
                if (Folder(used) is { } below && Array.IndexOf(folders, below) > height && height >= 0)
                {
                    yield return $"{type.FullName} uses {used.FullName} in {place}: {folder} is above {below}";
                }
            }
        }
    }
}
