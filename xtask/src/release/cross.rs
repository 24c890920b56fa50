//! Targets that GitHub has no machine for: the cross linkers that Debian and Ubuntu package, by the names that they have there.

/// What building for a target needs on a Linux machine of another kind.
struct Cross {
    target: &'static str,
    linker: &'static str,
    packages: &'static str,
}

const CROSS: [Cross; 6] = [
    Cross { target: "aarch64-unknown-linux-gnu", linker: "aarch64-linux-gnu-gcc", packages: "" },
    Cross { target: "i686-unknown-linux-gnu", linker: "i686-linux-gnu-gcc", packages: "gcc-i686-linux-gnu libc6-dev-i386-cross" },
    Cross { target: "armv7-unknown-linux-gnueabihf", linker: "arm-linux-gnueabihf-gcc", packages: "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross" },
    Cross { target: "riscv64gc-unknown-linux-gnu", linker: "riscv64-linux-gnu-gcc", packages: "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross" },
    Cross { target: "s390x-unknown-linux-gnu", linker: "s390x-linux-gnu-gcc", packages: "gcc-s390x-linux-gnu libc6-dev-s390x-cross" },
    Cross { target: "powerpc64le-unknown-linux-gnu", linker: "powerpc64le-linux-gnu-gcc", packages: "gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross" },
];

/// The linker for a target that isn't the machine's own; cargo by itself would take the machine's.
pub fn linker(target: &str) -> Option<&'static str> {
    CROSS.iter().find(|cross| cross.target == target).map(|cross| cross.linker)
}

/// The packages that hold it, where the target's usual runner doesn't have it.
pub fn packages(target: &str) -> &'static str {
    match CROSS.iter().find(|cross| cross.target == target) {
        Some(cross) => cross.packages,
        None if target.ends_with("-linux-musl") => "musl-tools",
        None => "",
    }
}
