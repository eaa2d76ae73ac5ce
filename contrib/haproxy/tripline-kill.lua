-- tripline's kill switch for HAProxy: looks for kill files at each request, so a
-- trip or a reset needs no reload and no socket.
--
--     http-request lua.tripline_kill DIRECTORY
--
-- reads txn.provider, txn.environment and txn.model, which the configuration sets, and
-- sets txn.key (the last four characters of the caller's key) and, if one of these
-- is stopped, txn.kill_switch to the scope.

-- "No such file", of open(2). Whatever else is not a clear no stops the call.
local ENOENT = 2
-- Longer names have file names of another form.
local LONGEST = 180

-- io.open blocks for the microseconds that a lookup in memory takes: keep the
-- directory on a tmpfs or a local disk, never on a network's.
local function exists(path)
    local file, _, code = io.open(path, "r")
    if file then file:close() end
    return file ~= nil or code ~= ENOENT
end

-- A name as in a file's: nothing that a client sends becomes a path.
local function encoded(name, plain)
    local safe = name:gsub(plain or "[^a-z0-9._-]", function(byte)
        return string.format("%%%02X", byte:byte())
    end)
    return (safe:gsub("^%.", "%%2E"))
end

local function key_of(txn)
    for _, header in ipairs({ "authorization", "x-api-key", "api-key", "x-goog-api-key" }) do
        local value = txn.f:req_hdr(header)
        local last4 = value and value:match("[%w._-][%w._-][%w._-][%w._-][%w._-][%w._-][%w._-][%w._-]([%w_-][%w_-][%w_-][%w_-])$")
        if last4 then return last4 end
    end
end

core.register_action("tripline_kill", { "http-req" }, function(txn, directory)
    local function named(name)
        local value = txn:get_var("txn." .. name)
        return type(value) == "string" and value ~= "" and #value <= LONGEST and value or nil
    end
    local provider, environment, model, key = named("provider"), named("environment"), named("model"), key_of(txn)
    if key then txn:set_var("txn.key", key) end
    -- The widest first. A file in a directory that is not there can't be tripped:
    -- then everything is stopped, as it is when the directory is closed to us.
    local scopes = { { "all", "all.kill" }, { "all", not exists(directory) } }
    local function scope(kind, name)
        scopes[#scopes + 1] = { kind .. "/" .. name, kind .. "." .. name .. ".kill" }
    end
    if provider then scope("provider", encoded(provider)) end
    if environment then scope("env", encoded(environment)) end
    if provider and model then
        -- The first dot ends the provider's name.
        local vendor, name = encoded(provider, "[^a-z0-9_-]"), encoded(model)
        scopes[#scopes + 1] = { "model/" .. vendor .. "/" .. name, "model." .. vendor .. "." .. name .. ".kill" }
    end
    if key then scope("key", encoded(key)) end
    for _, one in ipairs(scopes) do
        local file = one[2]
        if file == true or file and exists(directory .. "/" .. file) then
            txn:set_var("txn.kill_switch", one[1])
            return
        end
    end
end, 1)
