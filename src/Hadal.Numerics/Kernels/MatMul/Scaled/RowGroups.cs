namespace Hadal.Numerics;

/// <summary>Groups of a factor's stored rows, whose blocks begin with the group.</summary>
/// <param name="count">How many groups.</param>
/// <param name="offsets">Where they begin; null if all have the same number of rows.</param>
/// <param name="users">Where the rows that are multiplied with a group begin, so that a group without any can be left out; null if all are needed.</param>
internal readonly unsafe struct RowGroups(int count, int* offsets, int* users)
{
    /// <summary>How many groups.</summary>
    public int Count => count;

    /// <summary>The first of <paramref name="rows"/> rows that is a group's.</summary>
    public int Start(int group, int rows) => offsets != null ? offsets[group] : (int)((long)rows * group / count);

    /// <summary>Whether anything is multiplied with the group.</summary>
    public bool IsUsed(int group) => users == null || users[group] < users[group + 1];
}
