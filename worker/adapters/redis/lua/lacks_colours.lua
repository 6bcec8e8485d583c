-- Say whether a photo is in the index without its colours.
-- KEYS: first of its own buckets. ARGV: image id, version of colours, bytes of its hash.
-- Returns 1 if so, 0 if it has them, or if the bucket has no entry of it: then nothing is missing.
local bucket, width, at = text(KEYS[1]), tonumber(ARGV[3]), 1
if not bucket or not sound(bucket, width) then return 0 end
while at <= #bucket do
  if id_of(bucket, at, width) == packed(ARGV[1]) then
    local ending = at + width + SEEN + #packed(ARGV[1])
    local colours = colours_at(bucket, ending, width, moment_of(bucket, at, width))
    return string.byte(colours) == tonumber(ARGV[2]) and 0 or 1
  end
  at = next_of(bucket, at, width)
end
return 0
