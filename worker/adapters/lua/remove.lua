-- Take a photo out of the index. KEYS: record, exact, own buckets. ARGV: image id, the record that the keys were made
-- from, bytes of its hash. It says whether that was still the record.
local id, width = ARGV[1], tonumber(ARGV[3])
if text(KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
local exact = text(KEYS[2])
if exact and string.match(exact, '^%d+ (.+)$') == id then redis.call('DEL', KEYS[2]) end
for number = 3, #KEYS do
  local kept = without(text(KEYS[number]) or '', packed(id), width)
  if kept == '' then redis.call('DEL', KEYS[number]) else redis.call('SET', KEYS[number], kept, 'KEEPTTL') end
end
return 1
