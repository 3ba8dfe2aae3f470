# SPDX-License-Identifier: GPL-2.0-or-later
# BMCs for tests, sourced after tests/cli/daemon.bash: OpenIPMI's simulator, and a Redfish service of our own. All on loopback.
bmc_pids=()
bmc_end() {
    local p
    for p in "${bmc_pids[@]}"; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
    cleanup
}
trap bmc_end EXIT

# What stands for the machine behind a simulated BMC: its power and boot device are files.
bmc_chassis() { # DIR
    cat >"$1/chassis" <<'EOS'
#!/bin/sh
# usage: chassis get|set|check NAME [VALUE]...
dir=${0%/*}
op=$1
shift
[ "$op" = get ] || echo "$op $*" >>"$dir/acts"
while [ $# -gt 0 ]; do
    case "$op $1" in
    "get power") echo "power:$(cat "$dir/power")" ;;
    "get "*) echo "$1:0" ;;
    "set power") [ -e "$dir/stuck" ] || echo "$2" >"$dir/power"; shift ;;
    "set reset") : ;;
    "set boot") echo "$2" >"$dir/boot"; shift ;;
    "set identify") exit 0 ;;
    esac
    shift
done
exit 0
EOS
    chmod +x "$1/chassis"
}

# ipmi_bmc NAME PORT PASSWORD: a BMC at 127.0.0.1:PORT with the user admin; its files are in $work/NAME
ipmi_bmc() {
    local dir=$work/$1
    mkdir -p "$dir/state"
    bmc_chassis "$dir"
    echo 0 >"$dir/power"
    cat >"$dir/lan.conf" <<EOC
name "$1"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 $2
    priv_limit admin
    allowed_auths_admin md5
    allowed_auths_operator md5
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "$dir/chassis"
  startnow false
  user 2 true "admin" "$3" admin 10 md5
EOC
    # A full sensor record (IPMI 2.0, 43.1) of an analogue temperature in degrees C, that reads 45.
    cat >"$dir/sim.emu" <<'EOC'
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sensor_add 0x20 0 1 1 1
sensor_set_value 0x20 0 1 0x2d 0
sensor_set_event_support 0x20 0 1 enable scanning per-state 000111111000111 000111111000111 000111111000111 000111111000111
main_sdr_add 0x20 0x00 0x00 0x51 0x01 0x33 0x20 0x00 0x01 0x03 0x01 0x7f 0x68 0x01 0x01 0x00 0x00 0x00 0x00 0x38 0x38 0x00 0x01 0x00 0x00 0x01 0x00 0x00 0x00 0x00 0x00 0x00 0x28 0x50 0x0a 0x7f 0x80 0x64 0x5f 0x5a 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0xc8 0x43 0x50 0x55 0x20 0x54 0x65 0x6d 0x70
mc_enable 0x20
EOC
    ipmi_sim -c "$dir/lan.conf" -f "$dir/sim.emu" -s "$dir/state" -n >"$dir/log" 2>&1 </dev/null &
    bmc_pids+=($!)
    local i
    for i in $(seq 100); do
        ss -Hlun "src 127.0.0.1:$2" | grep -q . && return 0
        kill -0 "${bmc_pids[-1]}" 2>/dev/null || break
        sleep 0.05
    done
    die "ipmi_sim does not listen: $(cat "$dir/log")"
}

bmc_certificate() { # DIR: a new key and a certificate that nobody vouches for
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1/key.pem" -out "$1/crt.pem" -days 2 -subj /CN=bmc 2>/dev/null
}
bmc_pin() { # DIR: the fingerprint of its public key
    openssl x509 -in "$1/crt.pem" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1
}
# redfish_bmc NAME PASSWORD: its port goes to $redfish_port, its process to $redfish_pid; its files are in $work/NAME
redfish_bmc() {
    local dir=$work/$1
    mkdir -p "$dir"
    [ -e "$dir/crt.pem" ] || bmc_certificate "$dir"
    [ -e "$dir/power" ] || echo Off >"$dir/power"
    (umask 077; printf '%s' "$2" >"$dir/password")
    rm -f "$dir/port"
    python3 "$TOP/tests/lab/redfish.py" "$dir" "$dir/crt.pem" "$dir/key.pem" >"$dir/port" 2>"$dir/log" </dev/null &
    redfish_pid=$!
    bmc_pids+=("$redfish_pid")
    local i
    for i in $(seq 100); do
        [ -s "$dir/port" ] && break
        kill -0 "$redfish_pid" 2>/dev/null || break
        sleep 0.05
    done
    redfish_port=$(cat "$dir/port")
    [ -n "$redfish_port" ] || die "the Redfish service does not listen: $(cat "$dir/log")"
}
free_udp_port() { python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
