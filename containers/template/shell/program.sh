#!/bin/sh
# Called with width and height. stdin: grey values from 0 to 65535, a row of the picture a line.
# stdout: as many whole numbers, 0 for background, each other number one cell.
# Replace all below by a program in any language. It may write to /tmp, and has no network.
exec awk -v width="$1" '
function root(i) { while (up[i] != i) i = up[i] = up[up[i]]; return i }
{ for (i = 1; i <= NF; i++) { grey[n++] = $i; sum += $i } }
END {
    for (i = 0; i < n; i++) if (grey[i] > sum / n) {
        up[i] = i
        if (i % width && (i - 1) in up) up[root(i)] = root(i - 1)
        if ((i - width) in up) up[root(i)] = root(i - width)
    }
    for (i = 0; i < n; i++) if (i in up && up[i] == i) id[i] = ++cells
    for (i = 0; i < n; i++) print (i in up) ? id[root(i)] : 0
}'
