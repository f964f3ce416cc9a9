"""The table of errors of rclone, its QingStor SDK and Go; the first row that fits wins.

All knowledge of their wording is here. A new wording is one row, with a recorded line in
`tests/diagnosis/test_classify.py`. Pure.
"""

from adapter.contract.errors import ErrorCode
from adapter.diagnosis.local_rules import (
    FULL_DESTINATION,
    SOURCE_CHANGED,
    UNREADABLE_SOURCE,
    UNWRITABLE_DESTINATION,
)
from adapter.diagnosis.rule import Rule

_SECRET_HINT = (
    "Copy the Secret Access Key again. QingCloud shows it only once: if it is lost, create a new key pair."
)
_BUCKET_HINT = (
    "Check the spelling of the bucket and its zone in the QingCloud console, or create it there first."
)
_RIGHTS_HINT = "Give this key read and write rights on the bucket, or use a key of the bucket's owner."
_WAIT_HINT = "Try again later. Nothing has to be changed here."
_PROXY_HINT = "Check the variable and that the proxy runs, or add the server to NO_PROXY."
_NETWORK_HINT = "Check the Endpoint URL, the network connection, DNS and proxy settings of this machine."

# Rows that other modules also use by name.
NO_TLS = Rule(
    ErrorCode.TLS_FAILED,
    "Cannot make a TLS connection to {endpoint}.",
    "Check http or https and the port in the Endpoint URL. For a private authority set $RCLONE_CA_CERT.",
    text=r"(tls|x509): [^/]*$",
)
NO_ANSWER = Rule(
    ErrorCode.TIMEOUT,
    "QingStor at {endpoint} did not answer in time.",
    _NETWORK_HINT,
    text=(
        r"(i/o timeout|timeout awaiting response headers|handshake timeout|connection timed out"
        r"|context deadline exceeded)$|Client\.Timeout"
    ),
)
HOST_NOT_FOUND = Rule(
    ErrorCode.ENDPOINT_UNREACHABLE,
    "The host name {host} cannot be found.",
    "Check Zone and Endpoint URL (rclone puts the zone before the host), then DNS and proxy settings.",
    text=r"(no such host|server misbehaving|temporary failure in name resolution)$",
)
NOT_QINGSTOR = Rule(
    ErrorCode.ENDPOINT_UNREACHABLE,
    "{endpoint} answers with {answer}, but not as QingStor does.",
    "Check scheme, host and port of the Endpoint URL (QingStor's S3 address does not work here), and whether "
    "a proxy or a sign-in page is in between.",
    # QingStor answers with such a status only if something is wrong.
    http=(204, *range(300, 400)),
    text=(
        r"looking for beginning of value$|unexpected end of JSON input$|json: cannot unmarshal "
        r"|stopped after \d+ redirects$"
    ),
)
NOT_HTTP = Rule(
    ErrorCode.ENDPOINT_UNREACHABLE,
    "{endpoint} answers, but not in HTTP: it is another kind of server.",
    "Check scheme, host and port of the Endpoint URL: QingStor's own is https://qingstor.com:443.",
    text=r"malformed HTTP (response|status code|version) ",
)
UNREACHABLE = Rule(
    ErrorCode.ENDPOINT_UNREACHABLE,
    "QingStor at {endpoint} cannot be reached.",
    _NETWORK_HINT,
    text=r"(connection refused|network is unreachable|no route to host)$",
)

RULES: tuple[Rule, ...] = (
    Rule(
        ErrorCode.ACCESS_KEY_INVALID,
        "QingStor does not know this Access Key ID, or the key has been disabled.",
        "Check the Access Key ID and that the key is active in the QingCloud console.",
        qingstor=("invalid_access_key_id",),
    ),
    Rule(
        ErrorCode.SECRET_KEY_INVALID,
        "The Secret Access Key does not belong to this Access Key ID.",
        _SECRET_HINT,
        qingstor=("signature_not_matched",),
    ),
    Rule(
        ErrorCode.CLOCK_SKEW,
        "QingStor refused the request because the clock of this machine differs from its own by more than "
        "15 minutes.",
        "Set the clock of this machine, preferably by NTP, and try again.",
        qingstor=("request_expired",),
    ),
    Rule(
        ErrorCode.ACCOUNT_PROBLEM,
        "QingStor refused the request: the QingCloud account is in arrears, suspended or restricted.",
        "Check the account and its balance in the QingCloud console.",
        qingstor=("delinquent_account", "account_problem", "bucket_not_active"),
        http=(402,),
    ),
    Rule(
        ErrorCode.QUOTA_EXCEEDED,
        "A quota of the QingCloud account is used up.",
        "Delete what is not needed or ask QingCloud to raise the quota.",
        qingstor=("too_many_buckets",),
        http=(507,),
    ),
    Rule(
        ErrorCode.THROTTLED,
        "QingStor received too many requests and asks for fewer.",
        "Try again later, with fewer parallel transfers.",
        qingstor=("max_requests_exceeded", "fetch_throttled"),
        http=(429,),
    ),
    Rule(
        ErrorCode.BUCKET_NOT_FOUND,
        "There is no {a_bucket} in zone {zone}.",
        _BUCKET_HINT,
        qingstor=("bucket_not_exists", "invalid_bucket_name"),
    ),
    Rule(
        ErrorCode.ZONE_MISMATCH,
        "QingStor does not know the zone {zone}.",
        "Choose the zone in which the bucket was created, such as pek3a or sh1a.",
        qingstor=("invalid_location",),
    ),
    Rule(
        ErrorCode.PATH_NOT_FOUND,
        "There is no {path} in {the_bucket}.",
        "Check the path; `rclone lsf` lists what is there.",
        qingstor=("object_not_exists",),
    ),
    Rule(
        ErrorCode.PERMISSION_DENIED,
        "QingStor refused the request: this key lacks a right on {the_bucket}.",
        _RIGHTS_HINT,
        qingstor=("permission_denied", "access_denied"),
        http=(403,),
    ),
    Rule(
        ErrorCode.ACCESS_KEY_INVALID,
        "QingStor does not accept this key pair.",
        "Check both keys and that they are active in the QingCloud console.",
        http=(401,),
    ),
    Rule(
        ErrorCode.SERVER_ERROR,
        "QingStor could not answer the request because of an internal error.",
        _WAIT_HINT,
        qingstor=("internal_error", "service_unavailable", "upstream_failed", "lease_not_ready"),
        http=range(500, 600),
    ),
    Rule(
        # Retryable: the next try begins a new upload.
        ErrorCode.SERVER_ERROR,
        "The unfinished upload of a large file was removed from QingStor during the run.",
        "Run it again. Check that no cleanup elsewhere and no lifecycle rule removes uploads that still run.",
        qingstor=("upload_not_exists",),
    ),
    Rule(
        ErrorCode.CREDENTIALS_MISSING,
        "rclone was given no keys for the storage {storage}.",
        "Fill in Access Key ID and Secret Access Key.",
        text=r"access[_ ]key(_id)? not (provided|found)$|secret[_ ]access[_ ]key not (provided|found)$",
    ),
    Rule(
        ErrorCode.ENDPOINT_INVALID,
        "rclone's QingStor backend cannot use the Endpoint URL {endpoint}.",
        "Leave it blank for QingStor itself, or use https://host with letters, digits, '_' and dots only.",
        text=r"the endpoint .* format error$",
    ),
    Rule(
        ErrorCode.RCLONE_UNSUPPORTED,
        "This rclone was built without the qingstor backend.",
        "Install rclone from rclone.org or with `pip install 'pluton-qingstor[rclone]'`.",
        text=r"didn't find backend called",
    ),
    Rule(
        ErrorCode.INVALID_FORM,
        "rclone does not accept a setting of the storage {storage}: {said}",
        "Correct it in the form and save the storage again.",
        text=r"qingstor: (chunk size|upload cutoff): ",
    ),
    Rule(
        ErrorCode.USAGE,
        "rclone does not accept one of the options: {said}",
        "Correct the filter, rate or RCLONE_* variable that it names.",
        text=(
            r"invalid argument .* for .* flag|unknown (shorthand )?flag|couldn't parse config item"
            r"|failed to (reload \"filter\" options|load filters)|Invalid value when setting --"
        ),
    ),
    # Before all rows about the server: otherwise Go's errors of a proxy read like those of a server.
    Rule(
        ErrorCode.ENDPOINT_UNREACHABLE,
        "Cannot connect to the proxy in HTTPS_PROXY.",
        _PROXY_HINT,
        text=r'"https://[^"]*": (proxyconnect tcp: |socks connect tcp \S+: dial )',
    ),
    Rule(
        ErrorCode.ENDPOINT_UNREACHABLE,
        "Cannot connect to the proxy in HTTP_PROXY.",
        _PROXY_HINT,
        text=r": (proxyconnect tcp: |socks connect tcp \S+: dial )",
    ),
    Rule(
        ErrorCode.TLS_FAILED,
        "The certificate of {endpoint} has expired or is not valid yet.",
        "Check the date of this machine. If it is right, the owner of the server must renew the certificate.",
        text=r"certificate has expired or is not yet valid",
    ),
    Rule(
        ErrorCode.TLS_FAILED,
        "The certificate of {endpoint} is for another host.",
        "Use the host name of the certificate in the Endpoint URL.",
        text=r"certificate is (not )?valid for |doesn't contain any IP SANs$",
    ),
    Rule(
        ErrorCode.TLS_FAILED,
        "The certificate of {endpoint} is signed by an authority that this machine does not trust.",
        "For a private authority set $RCLONE_CA_CERT to the file of its certificate.",
        text=r"certificate signed by unknown authority",
    ),
    Rule(
        ErrorCode.TLS_FAILED,
        "The certificate file in $RCLONE_CA_CERT cannot be used.",
        "Set it to a readable file of certificates (PEM), or remove it from the environment.",
        text=r"^Failed to (read|add) .*--ca-cert",
    ),
    Rule(
        ErrorCode.TLS_FAILED,
        "{endpoint} does not speak https on that port.",
        "Check the port in the Endpoint URL, or write http:// if the server does not support https.",
        text=r"server gave HTTP response to HTTPS client$|first record does not look like a TLS handshake$",
    ),
    Rule(
        ErrorCode.TLS_FAILED,
        "{endpoint} expects https on that port.",
        "Write https:// in the Endpoint URL, or use its http port.",
        text=r'malformed HTTP response "\\x15\\x03',  # a TLS alert
    ),
    NO_TLS,
    Rule(
        ErrorCode.ENDPOINT_UNREACHABLE,
        "The name server did not answer the lookup of the host {host}.",
        "Check the network connection and the DNS settings of this machine (/etc/resolv.conf).",
        text=r"\blookup [\w.-]+( on \S+)?: (.*: )?i/o timeout$",
    ),
    NO_ANSWER,
    HOST_NOT_FOUND,
    Rule(
        ErrorCode.ENDPOINT_UNREACHABLE,
        "Zone {zone} and Endpoint URL {endpoint} do not make a valid host name.",
        "Correct the Zone: rclone puts it before the host of the Endpoint URL.",
        text=r"invalid character .* in host name$",
    ),
    Rule(
        ErrorCode.ENDPOINT_UNREACHABLE,
        "The proxy of this machine requires a user name and a password.",
        "Write them into HTTP_PROXY and HTTPS_PROXY (http://user:password@host:port), or set NO_PROXY.",
        http=(407,),
        text=r": Proxy Authentication Required$",
    ),
    Rule(
        ErrorCode.ENDPOINT_UNREACHABLE,
        "The proxy of this machine refuses to connect to {endpoint}.",
        "Allow the host in the proxy, or add it to NO_PROXY. HTTPS_PROXY shows which proxy is used.",
        # Go reports only the status of the proxy's answer to CONNECT (net/http/transport.go).
        text=r'"https://[^"]*":( (?-i:[A-Z][a-z]).*| unknown status code)?$',
    ),
    NOT_QINGSTOR,
    NOT_HTTP,
    UNREACHABLE,
    Rule(
        ErrorCode.ENDPOINT_UNREACHABLE,
        "The connection to QingStor at {endpoint} broke off.",
        "Check http or https in the Endpoint URL, then the network and proxy settings of this machine.",
        qingstor=("incomplete_body",),
        text=r"(connection reset by peer|broken pipe|unexpected EOF|: EOF|use of closed network connection)$",
    ),
    Rule(
        ErrorCode.SERVER_ERROR,
        "QingStor sent an incomplete list of objects.",
        "Run it again. If it happens again, look for a proxy that truncates answers.",
        text=r"^Expecting NextMarker but didn't find one$",
    ),
    Rule(
        ErrorCode.INTEGRITY_MISMATCH,
        "The checksum or size of a file differs after the transfer.",
        "Run it again. If it happens again, check memory, disk and network of this machine.",
        qingstor=("bad_digest",),
        text=r"corrupted on transfer: |hash(es)? differ",
    ),
    FULL_DESTINATION,
    Rule(
        ErrorCode.SOURCE_NOT_FOUND,
        "The directory to copy does not exist.",
        "Check the path. A disk or network share may not be mounted.",
        text=r"error reading source root directory: directory not found$",
    ),
    SOURCE_CHANGED,
    UNREADABLE_SOURCE,
    Rule(
        ErrorCode.DESTINATION_UNWRITABLE,
        "There is a file where the copy needs a directory.",
        "Choose another path, or remove that file.",
        text=r": is a file not a directory$",
    ),
    UNWRITABLE_DESTINATION,
    Rule(
        ErrorCode.BUCKET_NOT_FOUND,
        "There is no {a_bucket} in zone {zone}.",
        _BUCKET_HINT,
        http=(404,),
        text=r"directory not found$|bucket .* not found$",
    ),
    Rule(
        ErrorCode.PATH_NOT_FOUND,
        "There is no {path} in {the_bucket}.",
        "Check the path; `rclone lsf` lists what is there.",
        text=r"object not found$",
    ),
    Rule(
        ErrorCode.PARTIAL,
        "QingStor cannot store this file: a path may have at most 1,023 bytes, an object at most 50 TB.",
        "Shorten the name or exclude the file: it will fail on every run.",
        qingstor=("invalid_object_name", "entity_too_large", "metadata_too_large"),
    ),
    Rule(
        ErrorCode.PARTIAL,
        "The run had copied as much as maxTransfer allows before this file was through.",
        "Run it again: files that have been copied are not copied again.",
        text=r"max transfer limit reached as set by --max-transfer$",
    ),
    Rule(
        # QingStor's page on PUT requires a length; rclone sends an empty file without one (1.75.2).
        ErrorCode.PARTIAL,
        "The server requires the length of a file, but rclone did not send it.",
        "Run it again. If it happens again, a proxy may be removing the Content-Length header.",
        http=(411,),
    ),
    Rule(
        ErrorCode.PARTIAL,
        "A file has more than 10,000 parts of the configured Chunk Size.",
        "Raise Chunk Size, or leave Upload Cutoff blank so that files up to 5 GiB are sent whole.",
        qingstor=("max_parts_exceeded",),
        text=r"exceeded total allowed configured maxUploadParts",
    ),
    Rule(
        ErrorCode.UNKNOWN,
        "rclone crashed.",
        "Run it again. If it happens again, check the memory and report the lines in the evidence.",
        text=r"^(panic|fatal error|runtime: out of memory|SIG[A-Z]+): |^goroutine \d+ .*\[",
    ),
    Rule(
        ErrorCode.RCLONE_NOT_FOUND,
        "rclone could not be started: {said}",
        "Install rclone from rclone.org or with `pip install 'pluton-qingstor[rclone]'`.",
        exit_status=(127,),  # launch.NOT_STARTED
    ),
)
KNOWN_CODES = frozenset(code for rule in RULES for code in rule.qingstor)
"""QingStor's codes that a row names."""
UNKNOWN = Rule(
    ErrorCode.UNKNOWN,
    "rclone failed with an unknown error: {said}",
    "The evidence has the last lines of its log. Please report them.",
)
